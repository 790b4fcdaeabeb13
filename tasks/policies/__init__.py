"""What people have decided of the lists: declared in nightly.toml, brought to arrays, proven on the tables."""
