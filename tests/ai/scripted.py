"""A describer that says what it is told to, one answer after another, and keeps what it was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pacs.errors import PacsError
from pacs.ports import Answer, Question, Usage

GOOD: Mapping[str, Any] = {
    "technique": "Posteroanterior chest radiograph.",
    "comparison": "",
    "findings": "Opacity in the right lower zone. No pneumothorax.",
    "impression": "Pneumonia in the right lower lobe is possible.",
    "critical_findings": [],
    "confidence": "medium",
    "images_used": [1],
}


@dataclass
class Scripted:
    """`says`: documents, texts as they are, or errors; the last again and again."""

    says: list[Any]
    asked: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        said = self.says[min(len(self.asked), len(self.says)) - 1]
        if isinstance(said, PacsError):
            raise said
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        return Answer(text, Usage(tokens_in=10, tokens_out=5, images=len(question.images)), "scripted-1")
