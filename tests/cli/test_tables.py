"""Tables of the `pacs` command tell everything, however narrow the terminal is."""

from io import StringIO

from rich.console import Console

from infra.cli_views import table


def shown(width: int) -> list[str]:
    out = StringIO()
    rows = [("radiologist@clinic.example", 12000, "MERKEZ,DEV,KOSOVA"), ("a@b.example", 3, "[SOLO]")]
    Console(file=out, width=width, soft_wrap=True).print(table(("e-mail", ">calls", "branches"), rows))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_nothing_is_cut_short() -> None:
    assert shown(30) == [
        "e-mail                       calls  branches",
        "radiologist@clinic.example  12,000  MERKEZ,DEV,KOSOVA",
        "a@b.example                      3  [SOLO]",
    ]


def test_a_wide_terminal_shows_the_same() -> None:
    assert shown(300) == shown(30)
