"""`pacs mask`: where devices draw names into their pictures. Used by infra/cli.py alone."""

from typing import Annotated

import typer
from rich.console import Console

from infra.cli_options import Json, show
from infra.cli_people import Org, opened

OPTIONS = {"modality": "--modality", "size": "--size", "rectangles": "--rectangle"}

out = Console(soft_wrap=True, highlight=False)
mask = typer.Typer(
    help="Masks: what links with privacy show blank in pictures with names in them.", no_args_is_help=True
)


@mask.command("add")
def add(
    modality: Annotated[str, typer.Option(metavar="MODALITY", help="Of the series: US, OT, …")],
    size: Annotated[str, typer.Option(metavar="COLUMNSxROWS", help="Of the pictures, in pixels: 640x480.")],
    rectangle: Annotated[
        list[str], typer.Option(metavar="X,Y,W,H", help="Left, top, width and height in pixels; may be repeated.")
    ],
    manufacturer: Annotated[str, typer.Option(metavar="NAME", help="Of the device; by default any.")] = "",
    organization: Org = None,
    as_json: Json = False,
) -> None:
    """Show pictures of a kind of device by links with privacy, blank in these rectangles."""
    from pacs.archive.masks import NewMask, add_mask, read_numbers

    home, scope = opened(organization)
    columns, rows = read_numbers(size, "x", 2, "size")
    rectangles = [read_numbers(each, ",", 4, "rectangles") for each in rectangle]
    new = NewMask(modality, rows, columns, rectangles, manufacturer)
    made = add_mask(home.services.database, scope, new)
    show({"id": made}) if as_json else out.print(made, markup=False)


@mask.command("list")
def list_all(organization: Org = None, as_json: Json = False) -> None:
    """List the masks of an organization."""
    from pacs.archive.masks import list_masks

    home, scope = opened(organization)
    found = list_masks(home.services.database, scope)
    if as_json:
        show({"masks": found})
        return
    for each in found:
        device = f"{each['modality']} {each['manufacturer']}".strip()
        out.print(f"{each['id']}  {device} {each['columns']}x{each['rows']}  {each['rectangles']}", markup=False)


@mask.command("remove")
def remove(
    identifier: Annotated[str, typer.Argument(metavar="MASK", help="Identifier of a mask.")],
    organization: Org = None,
    as_json: Json = False,
) -> None:
    """Show such pictures by links with privacy no more."""
    from pacs.archive.masks import remove_mask

    home, scope = opened(organization)
    remove_mask(home.services.database, scope, identifier)
    show({"removed": identifier}) if as_json else out.print(f"removed {identifier}", markup=False)
