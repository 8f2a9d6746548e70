"""SPDX licence identifiers (spdx.org/licenses), as listed by the `packaging` library."""

from __future__ import annotations

import difflib

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.licenses._spdx import LICENSES

_IDS = {key: value["id"] for key, value in LICENSES.items()}


def licence_id(text: object) -> str:
    """Return the identifier in its own spelling; ValueError lists near ones where there is none such."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a licence is an SPDX identifier such as CC-BY-4.0, got {text!r:.60}")
    wanted = text.strip().lower()
    if wanted in _IDS:
        return _IDS[wanted]
    near = difflib.get_close_matches(wanted.replace(" ", "-"), _IDS, n=4, cutoff=0.5)
    hint = f"near ones are {', '.join(_IDS[key] for key in near)}" if near else "the list is at spdx.org/licenses"
    raise ValueError(f"{text!r:.60} is no SPDX licence identifier; {hint}")


def licence_of_all(ids: set[str]) -> str:
    """The SPDX expression of a work that is under all of these at once: `CC-BY-3.0 AND CC0-1.0`."""
    expression = " AND ".join(sorted(ids))
    try:
        return canonicalize_license_expression(expression)
    except InvalidLicenseExpression as error:
        raise ValueError(f"no licence expression: {expression!r}") from error


def licence_url(identifier: str) -> str:
    """Where a licence's text stands."""
    return f"https://spdx.org/licenses/{identifier}"
