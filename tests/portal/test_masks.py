"""The page of masks, and the frames of what is not configured."""

from typing import Any

from sqlalchemy import text

from pacs.archive.masks import list_masks
from tests.portal.visits import scope_of, send, show

PAGE = "/admin/masks"
FORM = {"modality": "us", "manufacturer": "<b>GE", "columns": "640", "rows": "480"}


def test_masks_are_kept_on_their_page(clinic: Any) -> None:
    admin = scope_of(clinic, "admin")
    kept = send(clinic, PAGE, admin, **FORM, rectangles="0, 0, 640, 52\r\n520,52,120,40\r\n\r\n")
    assert kept.headers["location"] == PAGE
    [mask] = list_masks(clinic.services.database, admin)
    assert mask["rectangles"] == [[0, 0, 640, 52], [520, 52, 120, 40]] and (mask["columns"], mask["rows"]) == (640, 480)
    page = show(clinic, PAGE, admin).text
    assert 'viewBox="0 0 640 480"' in page and "520, 52, 120, 40" in page and "<b>" not in page
    for wrong in ({"rectangles": "0,0,641,1"}, {"rectangles": ""}, {"rectangles": "a"}, {"columns": "x"}):
        assert send(clinic, PAGE, admin, **(FORM | {"rectangles": "0,0,1,1"} | wrong)).status_code == 400
    noted = clinic.services.database.fetch(text("select source_ip from audit where action = 'change-masks'"))
    assert [bool(each["source_ip"]) for each in noted] == [True]
    send(clinic, f"{PAGE}/remove", admin, mask=mask["id"])
    assert list_masks(clinic.services.database, admin) == []
    assert send(clinic, f"{PAGE}/remove", admin, mask=mask["id"]).status_code == 404


def test_pages_of_what_is_not_configured_say_so(clinic: Any) -> None:
    admin = scope_of(clinic, "admin")
    page = show(clinic, "/admin/his", admin).text
    assert "Not configured." in page and "<form" not in page.partition("<main")[2].partition("</main>")[0]
    assert "there are none today" in page
