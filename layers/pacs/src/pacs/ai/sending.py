"""What is sent to a model for a job? All of it is kept before it goes, and so is what comes back.

Made by `working` for each job; `orchestrating` calls it for every provider that it asks.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pacs.ai.configuring import Configured
from pacs.ai.context import Case
from pacs.ai.drafts import Drafted, draft
from pacs.ai.holding import Held
from pacs.ai.keeping import ANSWERS, REQUEST, Document, folder_of, read_document, write_document, write_image
from pacs.ai.previews import Chosen, Preview, choose
from pacs.ai.providers import Provider
from pacs.errors import Conflict
from pacs.people.scope import Scope
from pacs.ports import Answer, Describer, Question


class NothingToShow(Conflict):
    """The study has no image that could be sent."""


@dataclass
class Sending:
    """Asks a model for the draft of a job. Called with a provider and what asks it."""

    held: Held
    scope: Scope
    case: Case
    sent: Document = field(default_factory=dict)
    answers: list[Document] = field(default_factory=list)
    chosen: dict[tuple[int, int], Chosen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Those who worked on the job before and died have left what they sent."""
        about = {name: getattr(self.held, name) for name in ("provider", "preset", "language")}
        services = self.held.services
        self.sent = read_document(services, self.folder, REQUEST) or {**about, "attempts": []}
        self.answers = (read_document(services, self.folder, ANSWERS) or {"answers": []})["answers"]

    @property
    def folder(self) -> str:
        return folder_of(self.held.organization_id, self.held.study_instance_uid, self.held.id)

    @property
    def images(self) -> list[Document]:
        """Those of the last attempt, without their bytes."""
        found: list[Document] = self.sent["attempts"][-1]["images"]
        return found

    def __call__(self, configured: Configured, describer: Describer) -> Drafted:
        """Raises NothingToShow, and what `drafts.draft` does."""
        self.held.tell("choosing")
        chosen = self.previews_for(configured.provider)
        self.begin(configured, chosen)
        watched = Watched(self, configured.provider.name, describer)
        return draft(watched, self.case, chosen.previews, self.held.preset, self.held.language)

    def previews_for(self, provider: Provider) -> Chosen:
        """What fits a provider; of a study without any image nobody is asked."""
        if not provider.vision:
            return Chosen()
        limits = provider.most_images, provider.most_px
        if limits not in self.chosen:
            services, code = self.held.services, self.held.code or ""
            self.chosen[limits] = choose(services, self.scope, code, most=limits[0], most_px=limits[1])
        if not self.chosen[limits].previews:
            raise NothingToShow("the study has no image that could be sent", field="images")
        return self.chosen[limits]

    def begin(self, configured: Configured, chosen: Chosen) -> None:
        """Keep the images of a new attempt."""
        attempts = self.sent["attempts"]
        for each in chosen.previews:
            write_image(self.held.services, self.folder, len(attempts) + 1, each.number, each.jpeg)
        attempts.append(
            {
                "provider": configured.provider.name,
                "model": configured.model,
                "images": [told(each) for each in chosen.previews],
                "left_out": chosen.left_out,
                "calls": [],
            }
        )
        self.held.images = len(chosen.previews)

    def before(self, provider: str, question: Question) -> None:
        """What is about to be sent, word by word. What the model has said before stands in the answers."""
        self.held.tell("repairing" if question.turns else f"asking {provider}")
        told = {"at": self.held.services.clock.now().isoformat(), "system": question.system, "text": question.text}
        self.sent["attempts"][-1]["calls"].append({**told, "again": [asked for _, asked in question.turns]})
        write_document(self.held.services, self.folder, REQUEST, self.sent)

    def after(self, provider: str, answer: Answer) -> None:
        told = {"at": self.held.services.clock.now().isoformat(), "attempt": len(self.sent["attempts"])}
        said = {"provider": provider, "model": answer.model, "text": answer.text, "usage": asdict(answer.usage)}
        self.answers.append({**told, **said})
        write_document(self.held.services, self.folder, ANSWERS, {"answers": self.answers})


@dataclass
class Watched:
    """A describer of which everything is kept that it is asked, and that it says."""

    sending: Sending
    provider: str
    describer: Describer

    def ask(self, question: Question) -> Answer:
        self.sending.before(self.provider, question)
        answer = self.describer.ask(question)
        self.sending.after(self.provider, answer)
        return answer


def told(preview: Preview) -> Mapping[str, Any]:
    """An image without its bytes."""
    return {name: value for name, value in preview.__dict__.items() if name != "jpeg"}
