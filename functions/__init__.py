"""Who answers: one folder is one Lambda is one domain. `catalogue.py` lists them all."""
