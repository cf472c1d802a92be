"""`python -m controller.config`: the JSON Schema of config.yaml."""

import sys

from controller.config.loader import json_schema

if __name__ == "__main__":
    sys.stdout.write(json_schema() + "\n")
