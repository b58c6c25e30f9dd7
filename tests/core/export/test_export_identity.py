"""The identity record is one fixed JSON text."""

from pear_core.export.identity import canonical


def test_canonical_text() -> None:
    assert canonical({"step": 3, "body": "b"}) == '{"body":"b","step":3}'
