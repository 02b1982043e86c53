"""Functions that nobody asks over HTTP: queues, the clock, a state machine or a deployment calls them. Part of the
catalogue, as plain data.
"""

from functions.entries import Function, Grant, Schedule, Source, StateMachine

STATE_MACHINES = (
    StateMachine(
        "report-job",
        "From one dictation to its reports.",
        definition="report_steps/report-job.asl.json",
        functions=("report_steps",),
    ),
)

UNASKED = (
    Function(
        "indexer",
        "Reads the headers of new originals and upserts them into the index.",
        sources=(Source("index", batch_size=100, window_s=1, niceness=15),),
        grants=(
            Grant("database", ("use",)),
            Grant("store:originals", ("read",)),
            # Delete: pictures of an instance that was replaced.
            Grant("store:derived", ("read", "write", "delete")),
            Grant("topic:instance-indexed", ("send",)),
            # Of each series, to be looked at when it may have arrived.
            Grant("queue:derive", ("send",)),
        ),
        layers=("pacs", "codecs"),
        memory_mib=1024,
        timeout_s=120,
    ),
    Function(
        "deriver",
        "Builds what viewers ask for most: metadata, frames, thumbnails, transcoded copies.",
        sources=(Source("derive", batch_size=100, window_s=2, niceness=19),),
        grants=(
            Grant("database", ("use",)),
            Grant("store:originals", ("read",)),
            Grant("store:derived", ("read", "write", "delete")),
        ),
        layers=("pacs", "codecs"),
        memory_mib=3008,
        timeout_s=300,
    ),
    Function(
        "arrivals",
        "Records what was received, and when: a row an instance, one line of the log a batch.",
        sources=(Source("log", batch_size=1000, window_s=2, workers=0),),
        grants=(Grant("database", ("use",)),),
        memory_mib=256,
    ),
    Function(
        "crons",
        "What happens by the clock: store and index are reconciled, what is old is removed, what waits is started.",
        schedules=(
            Schedule("reconcile", "30 0 * * *", "reconcile", after_boot=True),
            Schedule("purge", "30 1 * * *", "purge"),
            Schedule("prune", "0 2 * * *", "prune"),
            Schedule("expire", "30 2 * * *", "expire"),
            Schedule("ai-health", "0 6 * * *", "ai-health"),  # 09:00 in Istanbul, whose clocks are not turned
            # Asks the store alone whether there are any: a database that sleeps goes on sleeping.
            Schedule("start", "* * * * *", "start"),
        ),
        grants=(
            Grant("database", ("use",)),
            Grant("store:originals", ("read", "purge")),
            # Report jobs that nobody has started.
            Grant("store:exchange", ("read", "delete")),
            Grant("workflow:report-job", ("start",)),
            # Metadata parts, out of which goes what was removed.
            Grant("store:derived", ("read", "write", "delete")),
            Grant("queue:index", ("send",)),
            Grant("queue:ai", ("send",)),
        ),
        memory_mib=1024,
        timeout_s=900,
    ),
    Function(
        "report_steps",
        "Does the tasks of the state machine report-job: one step of one job at a time.",
        grants=(
            Grant("database", ("use",)),
            # Delete: what Amazon Transcribe was given.
            Grant("store:exchange", ("read", "write", "delete")),
            Grant("models", ("use",)),
            # What signs callbacks lies sealed.
            Grant("secret:signing", ("read",)),
        ),
        layers=("pacs", "codecs", "documents"),
        memory_mib=1769,
        timeout_s=900,
    ),
    Function(
        "ai_jobs",
        "Works on pre-reports: looks at studies, asks models, keeps their drafts.",
        sources=(Source("ai", batch_size=4, niceness=10),),
        grants=(
            Grant("database", ("use",)),
            Grant("store:originals", ("read",)),
            Grant("store:derived", ("read", "write")),
            # What was sent and said.
            Grant("store:exchange", ("read", "write")),
            Grant("models", ("use",)),
            Grant("vault", ("read",)),
            Grant("mail", ("send",)),
            Grant("secret:signing", ("read",)),
        ),
        layers=("pacs", "codecs"),
        memory_mib=1769,
        timeout_s=900,
    ),
    Function(
        "migrate",
        "Brings the database to this version, and makes the first organization.",
        grants=(Grant("database", ("use",)),),
        timeout_s=300,
    ),
)
