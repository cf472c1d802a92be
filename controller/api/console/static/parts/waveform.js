// How loud a recording is, column by column: read as it comes, so that an hour of sound needs no memory.

const MOST_COMPRESSED = 12e6; // bytes: some 25 minutes of Opus, which has to be unpacked as a whole

/** `grown(peaks)` again and again while it is read: per channel an array of 0 to 1, NaN where nothing has come yet. */
export async function peaks(url, columns, grown, signal) {
  const answer = await fetch(url, { credentials: "same-origin", signal });
  if (!answer.ok) throw new Error(`The recording could not be loaded (HTTP status ${answer.status}).`);
  if ((answer.headers.get("Content-Type") || "").includes("wav")) return readWav(answer, columns, grown);
  if (Number(answer.headers.get("Content-Length")) > MOST_COMPRESSED) throw new Error("The recording is too long for a waveform. You can still play it.");
  return readPacked(answer, columns, grown);
}

async function readPacked(answer, columns, grown) {
  const sound = await new OfflineAudioContext(2, 1, 24000).decodeAudioData(await answer.arrayBuffer());
  const channels = [...Array(sound.numberOfChannels).keys()].map((channel) => {
    const samples = sound.getChannelData(channel), made = new Float32Array(columns);
    for (let at = 0; at < samples.length; at++) {
      const column = Math.floor(at * columns / samples.length);
      made[column] = Math.max(made[column], Math.abs(samples[at]));
    }
    return made;
  });
  grown({ channels, seconds: sound.duration });
}

async function readWav(answer, columns, grown) {
  const reader = answer.body.getReader();
  let rest = new Uint8Array(), wav = null, frame = 0, told = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const bytes = joined(rest, value);
    wav ??= header(bytes, Number(answer.headers.get("Content-Length")), columns);
    if (!wav) { rest = bytes; continue; }
    const begin = frame === 0 && !wav.begun ? wav.dataAt : 0;
    wav.begun = true;
    const whole = begin + Math.floor((bytes.length - begin) / wav.frameBytes) * wav.frameBytes;
    frame = take(wav, new DataView(bytes.buffer, bytes.byteOffset + begin, whole - begin), frame, columns);
    rest = bytes.slice(whole);
    if (performance.now() - told > 250) { grown(wav); told = performance.now(); }
  }
  if (wav) grown(wav);
}

function joined(first, second) {
  if (!first.length) return second;
  const made = new Uint8Array(first.length + second.length);
  made.set(first);
  made.set(second, first.length);
  return made;
}

/** RIFF/WAVE, PCM of 16 bits. null: not enough of it has come. */
function header(bytes, length, columns) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 12, format = null;
  while (at + 8 <= bytes.length) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4)), size = view.getUint32(at + 4, true);
    if (name === "fmt " && at + 24 <= bytes.length) format = { channels: view.getUint16(at + 10, true), rate: view.getUint32(at + 12, true), bits: view.getUint16(at + 22, true) };
    if (name === "data") {
      if (format?.bits !== 16) throw new Error("This file is not a voiceai recording.");
      const frameBytes = 2 * format.channels, frames = Math.max(1, Math.floor((length ? length - at - 8 : size) / frameBytes));
      const empty = () => new Float32Array(columns).fill(NaN);
      return { dataAt: at + 8, frameBytes, frames, seconds: frames / format.rate, channels: [...Array(format.channels)].map(empty), begun: false };
    }
    at += 8 + size + size % 2;
  }
  return null;
}

function take(wav, view, frame, columns) {
  const count = view.byteLength / wav.frameBytes;
  for (let each = 0; each < count; each++, frame++) {
    const column = Math.min(columns - 1, Math.floor(frame * columns / wav.frames));
    wav.channels.forEach((peaks, channel) => {
      const level = Math.abs(view.getInt16(each * wav.frameBytes + 2 * channel, true)) / 32768;
      if (!(peaks[column] >= level)) peaks[column] = level;
    });
  }
  return frame;
}

/** Draws both sides in their colours, the first one above. */
export function paint(canvas, channels) {
  const { clientWidth: width, clientHeight: height } = canvas, scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const style = getComputedStyle(canvas), context = canvas.getContext("2d");
  context.scale(scale, scale);
  const lane = height / channels.length;
  channels.forEach((peaks, channel) => {
    const middle = lane * (channel + 0.5), step = width / peaks.length;
    context.fillStyle = style.getPropertyValue("--line");
    context.fillRect(0, middle - 0.5, width, 1);
    context.fillStyle = style.getPropertyValue(channel ? "--agent" : "--caller");
    peaks.forEach((peak, column) => {
      if (!(peak > 0)) return;
      const tall = Math.max(1, Math.sqrt(peak) * (lane - 6)); // quiet speech is to be seen, too
      context.fillRect(column * step, middle - tall / 2, Math.max(1, step - 0.5), tall);
    });
  });
}
