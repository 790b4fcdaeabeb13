"""How each step of a night touches the world: read, call, write, return a receipt."""
