"""How a text goes on that the server stopped saying in the middle. [pure]"""


def rest_of(text: str, said: str) -> str:
    """What of `text` is still to be said. A word that was cut is said again; all of it if `said` is something else."""
    words, heard = text.split(), said.split()
    common = 0
    while common < min(len(words), len(heard)) and _bare(words[common]) == _bare(heard[common]):
        common += 1
    cut_word = len(heard) - common == 1 and common < len(words) and _bare(words[common]).startswith(_bare(heard[-1]))
    if common < len(heard) and common < len(words) and not cut_word:
        return text
    return " ".join(words[common:])


def contains(text: str, part: str) -> bool:
    """Whether these words are in it, however both are written."""
    return bool(_bare(part)) and _bare(part) in _bare(text)


def _bare(word: str) -> str:
    """As two writers of the same speech agree on it."""
    return "".join(letter for letter in word.casefold() if letter.isalnum())
