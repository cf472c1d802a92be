"""Resources with versions: drafts, publication, and the configuration that is made of what is published."""
