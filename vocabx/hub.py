"""Push a finished directory to the hub: checked before the work, sent after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.read import CONFIG
from vocabx.checkpoint.sources.hub_options import split_hub_id
from vocabx.core.errors import InputError, OutputError, first_line
from vocabx.manifest import FILE_NAME, Manifest
from vocabx.stages import Stages

__all__ = ["Destination", "check_pushable"]

MODEL_FILES = (".safetensors", ".bin", ".gguf", CONFIG)
"""How the names of files end that make a repository a model's."""

REPLACED = ["*.safetensors", "*.safetensors.index.json", "vocabx-*"]
"""What an earlier push may have left and this one does not overwrite, such as shards of another number."""

LARGE = 50_000_000_000
"""Bytes from which on older versions of huggingface_hub want another call."""


def check_pushable(directory: Path) -> None:
    """Raise `InputError` where a directory is not what vocabx wrote, whole and readable; nothing is loaded."""
    manifest = Manifest.load(directory)
    if manifest.rows:
        open_checkpoint(directory)


@dataclass(frozen=True)
class Destination:
    """A repository that may be pushed to.

    Attributes
    ----------
    name : str
        ``organisation/name``.
    private : bool
        Whether it is made private where it is new.
    """

    name: str
    private: bool = False
    api: Any = field(default=None, repr=False)

    @classmethod
    def check(cls, name: str, *, token: str | None = None, private: bool = False, offline: bool = False) -> Destination:
        """See to it that a push can succeed, before any long work.

        Raises
        ------
        InputError
            When the name is none, there is no token, it may not write there, or the repository holds something that
            vocabx did not push.
        """
        import huggingface_hub

        if offline:
            raise InputError(f"Nothing can be pushed to {name} offline. Leave out --offline or --push-to-hub.")
        _check_name(name)
        api = huggingface_hub.HfApi(token=token)
        _check_account(api, name)
        _check_content(api, name)
        return cls(name, private, api)

    def push(self, directory: Path, stages: Stages) -> str:
        """Make the repository, if need be, and send the directory; return its address.

        Raises
        ------
        OutputError
            With one sentence that says where the model is and how to push it again.
        """
        large = getattr(self.api, "upload_large_folder", None)
        size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
        with stages(f"pushing {size / 1e6:,.0f} MB to {self.name}"):
            try:
                made = self.api.create_repo(self.name, private=self.private or None, exist_ok=True)
                if large is not None and size > LARGE:
                    large(repo_id=self.name, folder_path=directory, repo_type="model")
                else:
                    message = f"Upload with vocabx: {Manifest.load(directory).command}"
                    self.api.upload_folder(
                        repo_id=self.name, folder_path=directory, commit_message=message, delete_patterns=REPLACED
                    )
            except Exception as error:  # its client raises errors of the library that it asks with
                again = f"vocabx push {directory} {self.name}{' --private' * self.private}"
                raise OutputError(
                    f"{self.name} was not pushed: {_reason(error)}. The model is in {directory}; push it again with: "
                    f"{again}"
                ) from error
        return str(made)


def _check_name(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    fault = f"{name!r} is no name of a repository: expected ORG/NAME, of letters, digits, '-', '_' and '.'."
    if (split_hub_id(name) or ("", ""))[0] != name:
        raise InputError(fault)
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise InputError(fault) from error


def _check_account(api: Any, name: str) -> None:
    from huggingface_hub.errors import LocalTokenNotFoundError

    try:
        account = api.whoami()
    except LocalTokenNotFoundError as error:
        raise InputError(f"Pushing to {name} needs a token: give it with --token or HF_TOKEN.") from error
    except Exception as error:  # its client raises errors of the library that it asks with
        refused = getattr(getattr(error, "response", None), "status_code", None) in (401, 403)
        if refused:
            raise InputError("The hub does not know your token. Make one that may write, and give it with --token or "
                             "HF_TOKEN.") from error  # fmt: skip
        raise InputError(f"The hub cannot be reached to check the token: {_reason(error)}.") from error
    owner = name.partition("/")[0]
    owners = [account["name"], *(organisation["name"] for organisation in account.get("orgs", []))]
    if owner not in owners:
        raise InputError(f"Your token is that of {account['name']}, who is no member of {owner}. Push to: "
                         f"{', '.join(owners)}.")  # fmt: skip
    if account.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise InputError(f"Your token may only read. Make one that may write to {name}.")


def _check_content(api: Any, name: str) -> None:
    """Raise `InputError` where the repository is a model that vocabx did not write: a push would replace its files."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        files = api.list_repo_files(name)
    except RepositoryNotFoundError:
        return
    except Exception as error:  # its client raises errors of the library that it asks with
        raise InputError(f"The hub cannot be asked what {name} holds: {_reason(error)}.") from error
    if FILE_NAME not in files and any(file.endswith(MODEL_FILES) for file in files):
        raise InputError(f"{name} holds a model that vocabx did not push, and is not replaced. Choose another name.")


def _reason(error: Exception) -> str:
    return first_line(error).rstrip(".:")
