"""What lets voiceai run with no OpenAI key and no phone: a stand-in Realtime server and a SIP caller."""
