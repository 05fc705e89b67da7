/**
 * A configuration to start from: every setting with its default and its meaning. It loads back to exactly the defaults.
 * The parameters of plugins are comments, because each plugin has its own defaults.
 */

import {
  DEFAULT_DURABLE_STREAMS,
  DEFAULT_LINKS,
  DEFAULT_MOUNTS,
  DEFAULT_SERVER,
  LOG_FORMATS,
  LOG_LEVELS,
  SHARED_READS,
} from './defaults.ts';
import { DEFAULT_BOUNDS, DEFAULT_SERVER_LIMITS } from './limits.ts';

/** A parameter, as its plugin describes it. */
interface SampleParameter {
  name: string;
  default: string;
  description: string;
}

/** The sample, in YAML. `parameters` are those of each plugin, by plugin name. */
export function sampleConfig(parameters: Readonly<Record<string, readonly SampleParameter[]>> = {}): string {
  return `${SERVER}${DEFAULT_MOUNTS.map((mount) => pluginSection(mount, parameters[mount.plugin] ?? [])).join('')}`;
}

const SERVER = `# StreamFS configuration. All values are the defaults: keep only the lines that you change.
# Sizes: bytes, or a number with B, KB, MB, GB or TB (1 KB = 1024 bytes).
# Durations: seconds, or a number with ms, s, m or h.

server:
  # HOST:PORT, with an IPv6 host in brackets. :PORT alone is loopback. An address that others can reach is refused
  # unless there are tokens, or no_auth is true.
  address: ${DEFAULT_SERVER.address}
  no_auth: ${DEFAULT_SERVER.no_auth}
  # The web page at /ui/, to which / redirects browsers. false turns it off.
  ui: ${DEFAULT_SERVER.ui}
  # Who may do what: each {name, token or token_sha256, rights: [read, write, admin], paths: ["/streamfs/**"]}. With
  # tokens, every request needs one; without, none does.
  tokens: []
  # Signed links give access to one path for a limited time, without a token. They are signed with the content of
  # key_file, at least 32 bytes; without that file they become invalid when the process ends.
  links:
    key_file: '${DEFAULT_LINKS.key_file}'
    max_lifetime: ${DEFAULT_LINKS.max_lifetime}
  # With these two PEM files, relative to this file, the server speaks TLS. SIGHUP reads them again.
  # tls: {certificate: server.pem, key: server.key}
  # Origins whose pages may use this server, such as https://app.example; its own pages always may.
  cors: {origins: []}
  # Durable Streams, a second protocol over the streams of one mount: the first streamfs, unless mount names another.
  # An address below a prefix is a stream. false turns it off.
  durable_streams:
    # mount: /streamfs
    prefixes: [${DEFAULT_DURABLE_STREAMS.prefixes.join(', ')}]
    long_poll_timeout: ${DEFAULT_DURABLE_STREAMS.long_poll_timeout}
    # Origins under which clients reach this server through proxies that change Host, such as https://streams.example.
    public_origins: []
  # Host names that a server on loopback answers to, in addition to 127.0.0.0/8, [::1] and localhost.
  allowed_hosts: []
  # ${LOG_LEVELS.join(', ')}
  log_level: ${DEFAULT_SERVER.log_level}
  # ${LOG_FORMATS.join(', ')}: auto is readable text on a terminal, else JSON.
  log_format: ${DEFAULT_SERVER.log_format}
  # Maximum size of a request body. Writes to streams have no limit.
  max_request_body_bytes: ${DEFAULT_SERVER.max_request_body_bytes}
  # Maximum size of a JSON body; four times that if it contains data to write.
  max_json_body_bytes: ${DEFAULT_SERVER.max_json_body_bytes}
  # How long open connections may take to finish at shutdown, before they are cut.
  shutdown_timeout: ${DEFAULT_SERVER.shutdown_timeout}
  # Silence after which a TCP keep-alive probe is sent; a peer that does not respond for 10 s is disconnected. 0: never.
  tcp_keepalive: ${DEFAULT_SERVER.tcp_keepalive}
  # ${SHARED_READS.join(', ')}: auto reads all connections into one shared buffer where Node allows it, which halves the cost of
  # heavy writing; off gives each connection its own buffer.
  shared_reads: ${DEFAULT_SERVER.shared_reads}
  # Memory that streams, files and bodies may use together: a size, or a share of the memory this process may use; 0 for
  # no limit. When it is reached, the largest streams drop their oldest history. 0 means no limit below as well.
  max_memory: ${DEFAULT_BOUNDS.max_memory}
  # How long a peer may accept none of the bytes sent to it, and how long a body may stall: a JSON body or one for an
  # ordinary file, and one for a stream.
  stall_timeout: ${DEFAULT_BOUNDS.stall_timeout}
  body_timeout: ${DEFAULT_BOUNDS.body_timeout}
  stream_body_timeout: ${DEFAULT_BOUNDS.stream_body_timeout}
  limits:
${Object.entries(DEFAULT_SERVER_LIMITS)
  .map(([key, value]) => `    ${key}: ${value}\n`)
  .join('')}
# The mounts: a plugin with one instance, or with a list of them:
#   streamfs:
#     - {name: audio, path: /audio, config: {ring_buffer_size: 512KB}}
#     - {name: video, path: /video, config: {ring_buffer_size: 8MB}}
plugins:
`;

function pluginSection({ plugin, path }: { plugin: string; path: string }, parameters: readonly SampleParameter[]) {
  const comments = parameters.map(({ name, description, default: value }) => {
    return `      # ${oneLine(description)}\n      # ${name}: ${value === '' ? '…' : oneLine(value)}\n`;
  });
  // An empty `config:` is an empty section: a parameter that is uncommented fills it.
  const config = comments.length === 0 ? 'config: {}' : 'config:';
  return `  ${plugin}:\n    enabled: true\n    path: ${path}\n    ${config}\n${comments.join('')}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
