"""What a scenario's or study's file holds, before anything is known of its keys."""

from pathlib import Path
from typing import Any

from channels.formats.yaml_text import MAX_CHARACTERS, YamlTextError, read_yaml
from linksim.errors import InputError

# UTF-8 takes at most four bytes a character.
_MAX_BYTES = 4 * MAX_CHARACTERS


def read_document(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        InputError: if the file cannot be read, or is not a YAML mapping.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise InputError(f"{path}: more than {_MAX_BYTES} bytes, expected a scenario of at most that")
        document = read_yaml(content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, expected a scenario in YAML") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"{path}: cannot be read ({reason}), expected a scenario in YAML") from None
    except YamlTextError as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        found = {type(None): "nothing", list: "a list"}.get(type(document), "a single value")
        raise InputError(f"{path}: got {found}, expected a mapping of scenario keys")
    return document
