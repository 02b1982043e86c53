"""What is told about pre-reports in words of people: why somebody cannot be asked, how far it is, what became of it.

The words on the left are those of `pacs.ai`. Read by `prereports` and by templates.
"""

from pacs.portal.language import marked

# Why somebody cannot be asked: `offering`.
LACKS = {
    "OFF": marked("switched off"),
    "CONSENT": marked("no consent yet"),
    "URL": marked("no address"),
    "KEY": marked("no key"),
    "MODEL": marked("no model"),
    "NOBODY": marked("nobody can be asked yet"),
}
# Why one was passed over, or has not answered: `orchestrating`.
WHYS = {
    "off": marked("switched off"),
    "not-configured": marked("not set up, or its key is refused"),
    "not-allowed": marked("not allowed here"),
    "no-consent": marked("no consent yet"),
    "no-vision": marked("sees no images"),
    "language": marked("does not write this language"),
    "circuit-open": marked("has failed several times and is left alone for a while"),
    "over-budget": marked("the budget of the month is used up"),
    "no-price": marked("its price is not known, so that its budget cannot be kept"),
    "busy": marked("too busy"),
    "timeout": marked("did not answer in time"),
    "unavailable": marked("cannot be reached"),
    "refused": marked("refused to answer"),
    "invalid": marked("answered what is of no use"),
}
OUTCOMES = {"answered": marked("answered"), "failed": marked("failed"), "skipped": marked("passed over")}
# Why a job has failed: `jobs`, `working`. Of one who was asked alone it is one of WHYS.
REASONS = {
    "NOBODY_ANSWERED": marked("Nobody has answered."),
    "NO_IMAGES": marked("No image may be sent: devices may have drawn names into them, and there is no mask."),
    "STUDY_GONE": marked("The study is not here any more."),
    "TOO_LONG": marked("It took too long."),
    "GAVE_UP": marked("It broke off again and again."),
}
# How far a job is, in the order of its steps: `working`, `sending`.
STEPS = {
    "queued": marked("Waiting for its turn"),
    "looking": marked("Looking at the study"),
    "choosing": marked("Choosing images"),
    "asking": marked("Asking a model"),
    "repairing": marked("Asking for a better answer"),
    "telling": marked("Telling of a critical finding"),
}
ENDS = {
    "completed": marked("The pre-report is ready."),
    "failed": marked("The pre-report could not be made."),
    "cancelled": marked("The pre-report was cancelled."),
}
# What each preset is called: `presets`.
PRESETS = {
    "general": marked("General"),
    "chest-radiograph": marked("Chest radiograph (RaDialog)"),
    "brain-ct": marked("Brain CT"),
    "mammography": marked("Mammography (BI-RADS)"),
    "ultrasound": marked("Ultrasound"),
    "critical": marked("Critical findings only"),
}
CONFIDENCES = {"low": marked("low"), "medium": marked("medium"), "high": marked("high")}
# How an image was made, by which rule it was chosen, and why others were left out: `previews`.
WINDOWS = {
    "brain": marked("brain window"),
    "soft tissue": marked("soft tissue window"),
    "lung": marked("lung window"),
    "bone": marked("bone window"),
}
RULES = {
    "key image": marked("key image"),
    "every view": marked("every view"),
    "middle": marked("middle of the series"),
    "evenly spaced": marked("evenly spaced"),
}
LEFT_OUT = {
    "not_chosen": marked("not chosen"),
    "may_name_somebody": marked("may have the patient's name in the picture"),
    "document": marked("documents"),
    "video": marked("videos"),
    "rejected": marked("rejected by somebody"),
    "localizer": marked("localizers"),
    "derived": marked("derived objects"),
    "raw": marked("raw images"),
    "dose_report": marked("dose reports"),
    "unreadable": marked("unreadable"),
}
