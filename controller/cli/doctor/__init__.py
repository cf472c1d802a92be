"""`voiceai doctor`: is everything in place that a call needs, and if not, what is to be done?"""
