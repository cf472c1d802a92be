{{- define "voiceai.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "voiceai.labels" -}}
app.kubernetes.io/name: voiceai
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "voiceai.selector" -}}
app.kubernetes.io/name: voiceai
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* One key of the Secret as a variable. */}}
{{- define "voiceai.secret" -}}
- name: {{ .key }}
  valueFrom: {secretKeyRef: {name: {{ .root.Values.secret.name }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}}
{{- end }}

{{- define "voiceai.containerSecurity" -}}
runAsUser: {{ . }}
runAsGroup: {{ . }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What no schema can say, because it is about two values. */}}
{{- define "voiceai.check" -}}
{{- $several := or .Values.autoscaling.enabled (gt (int .Values.nodes.replicas) 1) }}
{{- if hasPrefix "sqlite" (dig "store" "url" "" .Values.config) }}
{{- if $several }}{{ fail "config.store.url names a SQLite file, which several nodes can't share: leave config.store out, and put VOICEAI_STORE (PostgreSQL) into the Secret" }}{{ end }}
{{- if not .Values.nodes.storage.enabled }}{{ fail "config.store.url names a SQLite file, which would be lost with the pod: set nodes.storage.enabled" }}{{ end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end }}
{{- if and .Values.kamailio.enabled (eq (int .Values.kamailio.sipPort) (int .Values.asterisk.sipPort)) }}
{{- fail "kamailio.sipPort and asterisk.sipPort are the same: both listen on a machine's own address, so give Asterisk another one, such as 5070" }}
{{- end }}
{{- if and $several (not .Values.cluster.valkey) }}
{{- fail "several nodes need cluster.valkey, and VOICEAI_CLUSTER_URL in the Secret: without it each lets in all that `limits` allow, and nobody ends the calls of a dead one" }}
{{- end }}
{{- if and .Values.controller.tls.secretName (not .Values.cluster.caSecret) }}
{{- fail "controller.tls.secretName needs cluster.caSecret, by which workers and the other nodes trust that certificate; it may be the same Secret if it has ca.crt" }}
{{- end }}
{{- if and .Values.cluster.caSecret (not .Values.controller.tls.secretName) (not .Values.cluster.valkey) }}
{{- fail "cluster.caSecret does nothing without controller.tls.secretName, or cluster.valkey with rediss://" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.controller.expose) }}
{{- fail "autoscaling needs controller.expose: Prometheus reads voiceai_calls_live from each pod, whose API else listens on loopback" }}
{{- end }}
{{- $values := dict "api.listen" "controller.port and controller.expose" "asterisk.readiness_app" "kamailio.enabled" "bridge.workers" "bridge.workers" "bridge.token" "VOICEAI_BRIDGE_TOKEN in the Secret" "cluster.node" "nothing: it is the name of the pod" "shutdown.drain_s" "drain.longestCallSeconds" "shutdown.keep_calls" "nothing: Kubernetes can't keep calls without the pod" }}
{{- range $path, $instead := $values }}
{{- $keys := splitList "." $path }}{{ $part := get $.Values.config (first $keys) }}
{{- if kindIs "map" $part }}{{ if hasKey $part (last $keys) }}{{ fail (printf "config.%s is set by the chart: take it out, and use %s" $path $instead) }}{{ end }}{{ end }}
{{- end }}
{{- if ge (int .Values.asterisk.rtpStart) (int .Values.asterisk.rtpEnd) }}{{ fail "asterisk.rtpStart must be less than asterisk.rtpEnd" }}{{ end }}
{{- range $name, $agent := .Values.config.agents }}
{{- if not (kindIs "map" $agent) }}{{ fail (printf "config.agents.%s is empty: give it at least `instructions`, or take it out" $name) }}{{ end }}
{{- $longest := 7200 }}{{ if hasKey $agent "max_call_s" }}{{ $longest = $agent.max_call_s }}{{ end }}
{{- if kindIs "invalid" $longest }}{{ fail (printf "config.agents.%s.max_call_s is null: a pod that is deleted can't wait for calls without end" $name) }}{{ end }}
{{- if gt (int $longest) (int $.Values.drain.longestCallSeconds) }}
{{- fail (printf "config.agents.%s.max_call_s is %d (7200 if it is left out), and drain.longestCallSeconds only %d: its calls would be cut when a pod is deleted" $name (int $longest) (int $.Values.drain.longestCallSeconds)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* config.yaml: that of the values, and what the chart knows itself. */}}
{{- define "voiceai.config" -}}
{{- $ari := dict "url" (printf "http://127.0.0.1:%d/ari" (int .Values.asterisk.ariPort)) "username" "voiceai" "password" "${ARI_PASSWORD}" "app" "voiceai" }}
{{- $listen := printf "%s:%d" (ternary "0.0.0.0" "127.0.0.1" .Values.controller.expose) (int .Values.controller.port) }}
{{- $tokens := list (dict "name" "ops" "token" "${VOICEAI_API_TOKEN}" "scopes" (list "admin")) }}
{{- $cluster := dict "node" "${VOICEAI_NODE}" }}
{{- if .Values.cluster.valkey }}{{ $_ := set $cluster "url" "${VOICEAI_CLUSTER_URL}" }}{{ end }}
{{- if .Values.controller.expose }}{{ $_ := set $cluster "api_url" "${VOICEAI_NODE_URL}" }}{{ end }}
{{- if and .Values.cluster.valkey .Values.controller.expose }}{{ $_ := set $cluster "token" "${VOICEAI_CLUSTER_TOKEN}" }}{{ end }}
{{- with .Values.cluster.caSecret }}{{ $_ := set $cluster "ca_file" "/etc/voiceai-ca/ca.crt" }}{{ end }}
{{- $api := dict "listen" $listen "tokens" (concat $tokens (dig "api" "tokens" list .Values.config)) }}
{{- if .Values.controller.tls.secretName }}{{ $_ := set $api "tls" (dict "certificate" "/etc/voiceai-tls/tls.crt" "key" "/etc/voiceai-tls/tls.key") }}{{ end }}
{{- $ours := dict
  "asterisk" (dict "ari" $ari "readiness_app" .Values.kamailio.enabled)
  "api" $api
  "bridge" (dict "workers" 0 "token" "${VOICEAI_BRIDGE_TOKEN}")
  "cluster" $cluster
  "shutdown" (dict "drain_s" .Values.drain.longestCallSeconds "keep_calls" false) }}
{{- $defaults := dict
  "openai" (dict "url" "wss://api.openai.com/v1/realtime" "api_key" "${OPENAI_API_KEY}" "model" "gpt-realtime-2.1-mini")
  "store" (dict "url" "${VOICEAI_STORE}") }}
{{- toYaml (mergeOverwrite $defaults (deepCopy .Values.config) $ours) }}
{{- end }}
