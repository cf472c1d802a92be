"""Compares a text that is to be said with what was said of it. [pure]"""


def rest_of(text: str, said: str) -> str:
    """The part of `text` that is still to be said after `said`. A word that was cut is said again. All of `text`, if
    `said` is something else."""
    words, heard = text.split(), said.split()
    common = 0
    while common < min(len(words), len(heard)) and _bare(words[common]) == _bare(heard[common]):
        common += 1
    cut_word = len(heard) - common == 1 and common < len(words) and _bare(words[common]).startswith(_bare(heard[-1]))
    if common < len(heard) and common < len(words) and not cut_word:
        return text
    return " ".join(words[common:])


def contains(text: str, part: str) -> bool:
    """Whether the words of `part` are in `text`; case, spaces and punctuation do not count."""
    return bool(_bare(part)) and _bare(part) in _bare(text)


def _bare(word: str) -> str:
    """Letters and digits only, in one case."""
    return "".join(letter for letter in word.casefold() if letter.isalnum())
