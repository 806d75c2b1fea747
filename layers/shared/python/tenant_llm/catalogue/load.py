"""Reading rows: one file on demand, by the factory's name."""
