"""`python -m vocabx`."""

from vocabx.cli.program import run

if __name__ == "__main__":
    run()
