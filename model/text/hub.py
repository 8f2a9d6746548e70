"""Opens models of the transformers library from a local folder: no network, no code from the folder, no pickles."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_HINT = 'pip install "ten-wings[hub]"'


def transformers() -> Any:
    """Return the library, its progress bars off. Raises ValueError that says how to get it."""
    try:
        library = import_module("transformers")
    except ImportError as error:
        raise ValueError(f"expected the library transformers for a model from a folder; install it: {_HINT}") from error
    library.utils.logging.disable_progress_bar()
    library.utils.logging.set_verbosity_error()
    return library


def open_model(build: Callable[..., Any], folder: Path, what: str) -> Any:
    """Load weights in float32 with a class's `from_pretrained`.

    Raises ValueError where the folder cannot serve or lacks a tensor: the library would draw that at random.
    """
    options = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False, "dtype": "float32"}
    check_folder(folder, what)
    try:
        model, found = build(folder, output_loading_info=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be opened as {what} with safetensors weights: {error}") from error
    if found["missing_keys"]:
        raise ValueError(f"{folder} lacks tensors of {what}: {', '.join(sorted(found['missing_keys'])[:3])}")
    return model.eval()


def check_folder(folder: Path, what: str) -> None:
    """Raise ValueError unless there is a model's folder: the library would take another name for one of its hub."""
    if not (folder / "config.json").is_file():
        raise ValueError(f"expected a folder with config.json, weights and tokenizer of {what} at {folder}")


def open_tokenizer(folder: Path) -> Any:
    """Load a tokenizer that pads on the right. Raises ValueError where the folder has none."""
    check_folder(folder, "a tokenizer's model")
    try:
        tokenizer = transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected the files of a tokenizer in {folder}: {error}") from error
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token is None:
        raise ValueError(f"the tokenizer in {folder} names no token to pad with; set pad_token or eos_token in it")
    return tokenizer
