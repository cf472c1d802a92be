"""The version of this client: that of the controller whose operations it knows. [pure]"""

VERSION = "0.1.0"
