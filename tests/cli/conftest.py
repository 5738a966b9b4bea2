from support.corpus_layouts import corpora, slakh

__all__ = ["corpora", "slakh"]
