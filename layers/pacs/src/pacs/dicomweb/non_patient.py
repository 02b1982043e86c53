"""What does a search for instances of no patient ask for? Called by functions/dicomweb.

Source: PS3.18 §12.6.1.2 and §8.3.4
"""

from collections.abc import Sequence

from pacs.dicom.non_patient_keys import searched_attribute
from pacs.dicomweb.query import SWITCHES, Query, included, key_filters, sort_out, switch, warnings, whole_number
from pacs.errors import BadRequest

# Answers carry all that a row has, so fewer go into one than of studies.
MAX_LIMIT = 500


def parse_non_patient_query(pairs: Sequence[tuple[str, str]]) -> Query:
    """A search out of decoded query pairs. Raises BadRequest, whose field is the parameter, for what cannot be meant.

    Keys in sequences are paths joined by dots; each is met by any item. There is no order but our own.
    """
    parameters = sort_out(pairs, searched_attribute)
    if "orderby" in parameters.controls:
        raise BadRequest("these answers are in the order of their UIDs", field="orderby")
    switches = {name: switch(parameters, name) for name in SWITCHES}
    fuzzy, empty = switches["fuzzymatching"], switches["emptyvaluematching"]
    return Query(
        level="instance",
        filters=tuple(key_filters(parameters, fuzzy=fuzzy, empty=empty, combined=False)),
        include=included(parameters),
        limit=min(whole_number(parameters, "limit", MAX_LIMIT), MAX_LIMIT),
        offset=whole_number(parameters, "offset", 0),
        fuzzymatching=fuzzy,
        warnings=tuple(warnings(parameters)),
    )
