"""Tables, migrations and the two drivers: psycopg and the RDS Data API."""
