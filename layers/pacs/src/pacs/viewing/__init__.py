"""How a study reaches an eye: launch tokens and the configuration of OHIF."""
