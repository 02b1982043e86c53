"""What does each step of a report job do? Asked by functions/report_steps, in the order that its state machine sets.

A step is called as `step(services, organization_id, job_id, number)`, those that note a failure with `error=` besides,
the name of an error's class. It may be called again at any time, also while it runs: it keeps its result under its key
and answers from there. Answers hold identifiers and numbers, no texts: histories keep them.

The state machine reads `numbers` (of the exams, from 0) in the answer of `split`, and in that of `deliver`
`again_after_s`: how long to wait before it is called again, or None when there is no more to do.
"""

from collections.abc import Callable, Mapping
from typing import Any

Step = Callable[..., dict[str, Any]]

STEPS: Mapping[str, Step] = {}
