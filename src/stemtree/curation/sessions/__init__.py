"""The ground floor of curation: folders of raw tracks, their files and tables."""
