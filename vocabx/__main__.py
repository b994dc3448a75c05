"""`python -m vocabx`."""

from vocabx.cli import main

if __name__ == "__main__":
    main(prog_name="vocabx")
