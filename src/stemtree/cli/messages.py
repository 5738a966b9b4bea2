"""How messages look on the terminal."""


def one_line(message: object) -> str:
    """A message as a single printable line, whatever names it quotes."""
    return " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()
