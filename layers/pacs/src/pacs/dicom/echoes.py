"""Where wishes for a C-ECHO lie in the exchange store, and what became of them. Known to the portal and the DICOM door.

A wish names an organization and the AE title of one of its peers; the answer lies under the identifier of the wish,
and is forgotten within a day as all answers are.
"""

from typing import Literal

WISHES = "config/echoes.json"
ANSWERS = "responses/echoes/"

Outcome = Literal["answered", "unknown", "unreachable", "refused", "silent"]
