"""Organizations, branches, members, roles, tokens: who asks, and what they may see."""
