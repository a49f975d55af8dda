"""What nobody sees unasked: values of columns whose privacy class is personal or protected."""

import json
from collections.abc import Mapping

from app.domain.states import UNREADABLE
from app.store.reader import Reader

MASK = "(private)"
PRIVATE = ("personal", "protected")


def private_columns(reader: Reader, project: str, source: str) -> frozenset[str]:
    """The private columns of a source, as the newest version of the project's charter declares them."""
    document = reader.value(
        """SELECT c.document FROM charter_version c JOIN project p ON p.id = c.project_id
        WHERE p.name = :project ORDER BY c.version DESC LIMIT 1""",
        {"project": project},
    )
    try:
        columns = json.loads(document)["sources"][source]["columns"]
        return frozenset(str(name) for name, rule in columns.items() if rule.get("privacy") in PRIVATE)
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def masked(values: str, private: frozenset[str], rule: str) -> str:
    """The values of a row (JSON) with those of private columns hidden; missing ones stay missing.

    Of a line that is no row nobody knows which part is private: all of it is hidden then.

    >>> masked('{"id": 1, "mail": "a@b", "phone": null}', frozenset({"mail", "phone"}), "id.minimum")
    '{"id": 1, "mail": "(private)", "phone": null}'
    >>> masked('{"line": "a@b;"}', frozenset({"mail"}), "line.unreadable")
    '{"line": "(private)"}'
    """
    if not private:
        return values
    found: Mapping[str, object] = json.loads(values)
    hidden = {
        name: MASK if value is not None and (name in private or rule == UNREADABLE) else value
        for name, value in found.items()
    }
    return json.dumps(hidden, ensure_ascii=False)
