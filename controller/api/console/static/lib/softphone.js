// A telephone in the browser: the microphone, one SIP session over a websocket, and the sound of the other side. JsSIP
// (vendor/jssip.js) speaks SIP; it is loaded when somebody telephones for the first time.

const GATHER_MS = 700; // what ICE has found by then is offered: a STUN server that is away costs no more
const RING_MS = 25000;
const OVER = 1000; // the session has been ended, with its call
const KEY = { duration: 120, interToneGap: 80 };

/** A failure in words for a person. */
export class PhoneProblem extends Error {
  constructor(message, detail = "") {
    super(message);
    this.detail = detail;
  }
}

const MICROPHONE = {
  NotAllowedError: ["The microphone is not allowed",
    "Allow it for this page (the icon left of the address), and for the browser in the system's settings; then try again."],
  NotFoundError: ["There is no microphone", "Connect one, or choose another under Microphone."],
  OverconstrainedError: ["That microphone is gone", "Choose another one."],
  NotReadableError: ["The microphone can't be opened", "Another program may be using it. Close that one and try again."],
};
const CAUSES = {
  "Busy": ["There is no room for this call", "As many calls as allowed are up; try again in a moment."],
  "Rejected": ["The call was refused", "The controller's log says why."],
  "Not Found": ["Asterisk does not know what was called", "Is the context of the config's softphone in its dialplan? docs/talk.md."],
  "Unavailable": ["There is no agent for this call", "Look at Health: Asterisk or the workers are away."],
  "Authentication Error": ["Asterisk does not accept the session", "It may have run out. Try again."],
  "Incompatible SDP": ["Browser and Asterisk share no codec", "Asterisk needs Opus or G.722, and res_srtp: docs/talk.md."],
  "Bad Media Description": ["Browser and Asterisk share no codec", "Asterisk needs Opus or G.722, and res_srtp: docs/talk.md."],
  "Connection Error": ["The connection to Asterisk is lost", "It goes through the controller. Try again."],
  "Request Timeout": ["Asterisk does not answer", "Look at Health, and try again."],
  "No Answer": ["Nobody answered", ""],
};
const NO_SOUND = ["No way for the sound was found", "The browser reaches Asterisk's SIP, but not its ports for sound (UDP): docs/talk.md."];

/** The microphone as a stream. Throws PhoneProblem. */
export async function microphone(device) {
  if (!window.isSecureContext || !navigator.mediaDevices) {
    throw new PhoneProblem("The browser gives no microphone to this page",
      "It does so over https, and for localhost. Open the console under such an address: docs/talk.md.");
  }
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (device) wanted.deviceId = { exact: device };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: wanted, video: false });
  } catch (error) {
    throw new PhoneProblem(...(MICROPHONE[error.name] || ["The microphone can't be opened", error.message]));
  }
}

/** {microphones, speakers}, each a list of {value, label}. Labels are known once the microphone was allowed. */
export async function devices() {
  const found = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
  const of = (kind, name) => [{ value: "", label: `The system's ${name}` }, ...found.filter((each) => each.kind === kind
    && each.deviceId && each.deviceId !== "default").map((each, at) => ({ value: each.deviceId, label: each.label || `${name} ${at + 1}` }))];
  return { microphones: of("audioinput", "microphone"),
    speakers: "setSinkId" in HTMLMediaElement.prototype ? of("audiooutput", "loudspeaker") : [] };
}

/** One call. `account`: what the API answered; `stream`: the microphone, null: it waits to be called, and `answer` gives
 * one; `heard`: {state(name), over(problem or null), called()}, states are connecting, ringing, talking. */
export class Softphone {
  constructor(account, stream, heard) {
    this.account = account;
    this.stream = null;
    this.waits = stream === null;
    this.heard = heard;
    this.audio = Object.assign(new Audio(), { autoplay: true });
    this.context = new AudioContext();
    this.meters = { me: null, them: null };
    this.muted = this.done = this.heardOnce = false;
    if (stream) this.speak(stream);
  }

  speak(stream) {
    this.stream = stream;
    this.context.resume();
    this.meters.me = this.meter(stream);
  }

  async start() {
    const { UA, WebSocketInterface } = await import("../vendor/jssip.js");
    if (this.done) return;
    const url = new URL(this.account.websocket, location.href);
    url.protocol = url.protocol.replace(/^http/, "ws");
    this.heard.state("connecting");
    this.ua = new UA({ sockets: [new WebSocketInterface(url.href)], uri: this.account.uri, password: this.account.password,
      register: !this.account.target, register_expires: 600, session_timers: false, user_agent: "voiceai console" });
    this.ua.on("disconnected", ({ code }) => this.end(code === OVER ? null : "Connection Error"));
    this.ua.on("registrationFailed", ({ cause }) => this.end(cause));
    this.ua.on("newRTCSession", ({ originator, session }) => this.take(originator, session));
    this.ua.on(this.account.target ? "connected" : "registered", () => this.ready());
    this.timer = setTimeout(() => this.end("Request Timeout"), RING_MS);
    this.ua.start();
  }

  ready() {
    if (this.session) return;
    if (this.account.target) this.ua.call(this.account.target, this.media());
    else {
      if (this.waits) clearTimeout(this.timer);
      this.heard.state("ringing");
    }
  }

  media() {
    return { mediaStream: this.stream, mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: this.account.ice_servers
      .map((each) => Object.fromEntries(Object.entries(each).filter(([, value]) => value !== null))) } };
  }

  take(originator, session) {
    if (this.session || (originator === "remote") === Boolean(this.account.target)) return session.terminate({ status_code: 486 });
    this.session = session;
    let gathered;
    session.on("icecandidate", ({ ready }) => { clearTimeout(gathered); gathered = setTimeout(ready, GATHER_MS); });
    session.on("peerconnection", ({ peerconnection }) => this.listen(peerconnection));
    session.on("progress", () => { if (originator === "local") this.heard.state("ringing"); });
    session.on("confirmed", () => { clearTimeout(this.timer); this.heard.state("talking"); });
    session.on("ended", ({ cause }) => this.end(cause === "Terminated" ? null : cause));
    session.on("failed", ({ cause }) => this.end(cause === "Canceled" ? null : cause)); // who calls has given up
    if (session.connection) this.listen(session.connection);
    if (originator === "remote" && !this.waits) session.answer(this.media());
    else if (originator === "remote") this.heard.called();
  }

  /** Who waited takes the call. */
  answer(stream) {
    this.waits = false;
    this.speak(stream);
    this.timer = setTimeout(() => this.end("Request Timeout"), RING_MS);
    this.session.answer(this.media());
  }

  listen(connection) {
    connection.addEventListener("track", (event) => {
      const stream = event.streams[0] || new MediaStream([event.track]);
      this.audio.srcObject = stream;
      this.meters.them = this.meter(stream);
    });
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "connected") this.heardOnce = true;
      if (connection.connectionState === "failed") this.end(this.heardOnce ? "Connection Error" : "no sound");
    });
  }

  meter(stream) {
    const source = this.context.createMediaStreamSource(stream), analyser = this.context.createAnalyser();
    analyser.fftSize = 2048;
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    return () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, each) => sum + each * each, 0) / samples.length;
      return power > 1e-7 ? 10 * Math.log10(power) : null;
    };
  }

  /** In dBFS, null for silence. */
  levels() {
    return { me: this.muted ? null : this.meters.me?.() ?? null, them: this.meters.them?.() ?? null };
  }

  mute(on) {
    this.muted = on;
    for (const track of this.stream.getAudioTracks()) track.enabled = !on;
  }

  key(digit) {
    this.session?.sendDTMF(digit, { transportType: "RFC2833", ...KEY });
  }

  /** Throws PhoneProblem. */
  async hearFrom(device) {
    const stream = await microphone(device);
    if (this.done) return stream.getTracks().forEach((each) => each.stop());
    const [track] = stream.getAudioTracks();
    for (const sender of this.session?.connection?.getSenders() || []) await sender.replaceTrack(track);
    this.stream.getTracks().forEach((each) => each.stop());
    this.speak(stream);
    this.mute(this.muted);
  }

  async speakBy(device) {
    await this.audio.setSinkId(device);
  }

  hangUp() {
    this.end(null);
  }

  /** Once. `cause`: JsSIP's word; null: as was wanted. */
  end(cause) {
    if (this.done) return;
    this.done = true;
    clearTimeout(this.timer);
    try {
      const refused = this.session?.direction === "incoming" && !this.session.isEstablished(); // to who calls, it is "declined"
      if (this.session && !this.session.isEnded()) this.session.terminate(refused ? { status_code: 603 } : {});
      this.ua?.stop();
    } catch (error) { // a session in the middle of its set-up can't be terminated; the API ends it
      console.warn("the call could not be ended by SIP", error.name);
    }
    this.stream?.getTracks().forEach((each) => each.stop());
    this.audio.srcObject = null;
    this.context.close();
    const words = cause === null ? null : cause === "no sound" ? NO_SOUND : CAUSES[cause] || ["The call has failed", String(cause)];
    this.heard.over(words && new PhoneProblem(...words));
  }
}
