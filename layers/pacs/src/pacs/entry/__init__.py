"""How a call knocks: HTTP, a batch of messages, the authorizer; and what is observed of it."""
