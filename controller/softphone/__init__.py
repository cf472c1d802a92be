"""Telephones in the browser: SIP credentials of one session, and the SIP that the controller passes on for them."""
