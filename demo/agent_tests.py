"""The tests of the demo's agent, for `voiceai test reception` (docs/testing-agents.md). [pure]"""

from typing import Any

TESTS: dict[str, Any] = {
    "opening-hours": {
        "says": ["What are your opening hours?"],
        "checks": [
            {"said": {"regex": "(nine|9).* (to|until|till) (six|6)"}},
            {"not_said": {"regex": "(nine|9).* (to|until|till) (five|5)"}},
            {"tool_not_called": "transfer"},
        ],
    },
    "wants-a-person": {
        "says": ["Please connect me to a person.", "Yes, please."],
        "checks": [{"transferred_to": "colleague"}, {"max_turns": 2}, {"ended_by": "agent"}],
    },
    "says-goodbye": {
        "says": ["Are you open on Saturday?", "Thank you, goodbye.", "Goodbye."],
        "checks": [{"ended_by": "agent"}, {"said": {"regex": "bye"}}, {"tool_not_called": "transfer"}],
    },
    "a-simulated-caller": {
        "caller": {"goal": "Find out when the office is open, then ask for a person.", "persona": "in a hurry"},
        "checks": [
            {"transferred_to": "colleague"},
            {"said": {"question": "Does the agent say that the office is open from nine to six?"}},
            {"language": "English"},
        ],
    },
}
