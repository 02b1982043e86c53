"""What do the services ask, by their own lists? US dollars for a million tokens: in, in again, out. Read by `prices`.

Long contexts, batches and cheap hours are left out: studies are asked about with some 50,000 tokens, in clinic hours.
"""

from datetime import date

Told = tuple[str, str, str]

# Where it was read, and when.
SOURCE, READ_ON = "genai-prices 0.2.3", date(2026, 11, 22)
OWNER = "the owner's machine: paid by the hour, not by the token"
LISTED: dict[str, dict[str, Told]] = {
    "openai": {
        "gpt-6.1-sol": ("2", "0.1", "10"),
        "gpt-6.1-terra": ("1", "0.05", "5"),
        "gpt-6-sol": ("2", "0.2", "10"),
        "gpt-6-luna": ("0.1", "0.01", "0.5"),
        "gpt-5.6-sol": ("4", "0.4", "20"),
        "gpt-5.6-terra": ("2", "0.2", "12"),
        "gpt-5.6-luna": ("0.2", "0.02", "1.2"),
        "gpt-5.5": ("5", "0.5", "30"),
        "gpt-5.5-pro": ("30", "30", "180"),
        "gpt-5.4": ("2.5", "0.25", "15"),
        "gpt-5.4-mini": ("0.75", "0.075", "4.5"),
        "gpt-5.2": ("1.75", "0.175", "14"),
        "gpt-5.1": ("1.25", "0.125", "10"),
        "gpt-5": ("1.25", "0.125", "10"),
        "gpt-5-mini": ("0.25", "0.025", "2"),
        "gpt-4.1": ("2", "0.5", "8"),
        "gpt-4.1-mini": ("0.4", "0.1", "1.6"),
        "gpt-4o": ("2.5", "1.25", "10"),
    },
    "claude": {
        "claude-sonnet-5-5": ("2", "0.1", "10"),
        "claude-sonnet-5": ("2", "0.2", "10"),
        "claude-sonnet-4-6": ("3", "0.3", "15"),
        "claude-opus-5-5": ("4", "0.2", "20"),
        "claude-opus-5": ("5", "0.5", "25"),
        "claude-haiku-5-5": ("0.5", "0.05", "2.5"),
        "claude-haiku-4-5": ("1", "0.1", "5"),
    },
    "gemini": {
        "gemini-3.8-flash": ("0.75", "0.075", "3.75"),
        "gemini-3.7-flash": ("0.75", "0.075", "3.75"),
        "gemini-3.6-flash": ("0.75", "0.075", "3.75"),
        "gemini-3.5-flash": ("1.5", "0.15", "9"),
        "gemini-3.5-flash-lite": ("0.3", "0.03", "2.5"),
        "gemini-3.1-pro": ("2", "0.2", "12"),
    },
    "qwen": {"qwen-vl-max": ("0.8", "0.8", "3.2"), "qwen-vl-plus": ("0.21", "0.21", "0.63")},
    "deepseek": {"deepseek-flash": ("0.3", "0.006", "1.2"), "deepseek-v4-pro": ("1.32", "0.044", "3.96")},
    # Of a region's inference profiles, a tenth above the worldwide ones.
    "bedrock": {
        "anthropic.claude-sonnet-5-5": ("2.2", "0.11", "11"),
        "anthropic.claude-sonnet-5": ("2.2", "0.22", "11"),
        "anthropic.claude-sonnet-4-6": ("3.3", "0.33", "16.5"),
        "anthropic.claude-sonnet-4-5": ("3.3", "0.33", "16.5"),
        "anthropic.claude-opus-5-5": ("4.4", "0.22", "22"),
        "anthropic.claude-opus-5": ("5.5", "0.55", "27.5"),
        "anthropic.claude-haiku-4-5": ("1.1", "0.11", "5.5"),
        "amazon.nova-pro": ("0.8", "0.2", "3.2"),
        "amazon.nova-lite": ("0.06", "0.015", "0.24"),
    },
    # Machines of the owner's: what they cost, they cost by the hour.
    **{each: {"": ("0", "0", "0")} for each in ("rai-llm", "medgemma", "radialog", "rai-mock")},
}
# What the services say they will ask.
LATER: list[tuple[date, str, str, Told]] = [
    (date(2027, 1, 1), "gemini", f"gemini-3.{minor}-flash", ("1.5", "0.15", "7.5")) for minor in (6, 7, 8)
]
