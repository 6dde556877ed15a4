{{/* Name of the DaemonSet, its container, and the app.kubernetes.io/name label. */}}
{{- define "osmia.name" -}}
{{- .Values.nameOverride | default .Values.tetragon.nameOverride | default "osmia" | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "osmia.operator.name" -}}
{{- .Values.tetragonOperator.nameOverride | default (printf "%s-operator" (include "osmia.name" .)) | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "osmia.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "osmia.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "osmia.operator.serviceAccountName" -}}
{{- if .Values.tetragonOperator.serviceAccount.create -}}
{{- .Values.tetragonOperator.serviceAccount.name | default (include "osmia.operator.name" .) -}}
{{- else -}}
{{- .Values.tetragonOperator.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* Labels of every object. */}}
{{- define "osmia.commonLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: osmia
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "osmia.selectorLabels" -}}
app.kubernetes.io/name: {{ include "osmia.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end }}

{{/* By these, Services, policies and the DaemonSet know the agents' Pods. */}}
{{- define "osmia.agentSelector" -}}
{{- .Values.selectorLabelsOverride | empty | ternary (include "osmia.selectorLabels" .) (toYaml .Values.selectorLabelsOverride) -}}
{{- end }}

{{/* Port of the gRPC API where others than this node's processes can reach it. */}}
{{- define "osmia.grpcPort" -}}
{{- $grpc := .Values.tetragon.grpc -}}
{{- if and $grpc.enabled $grpc.address (not (regexMatch "^(unix:|localhost(:|$)|127\\.|\\[::1\\])" $grpc.address)) -}}
{{- regexFind ":[0-9]+$" $grpc.address | trimPrefix ":" | default "54321" -}}
{{- end -}}
{{- end }}

{{/* Whether the agent is told to serve others without TLS: the option stands alone, or is true. */}}
{{- define "osmia.insecure" -}}
{{- range $option, $value := pick .Values.tetragon.extraArgs "server-insecure-tcp" -}}
{{- has (toString $value) (list "" "true") | ternary "yes" "" -}}
{{- end -}}
{{- end }}

{{- define "osmia.labels" -}}
{{ include "osmia.commonLabels" . }}
app.kubernetes.io/name: {{ include "osmia.name" . }}
app.kubernetes.io/component: agent
{{- end }}

{{- define "osmia.operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "osmia.operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "osmia.operator.labels" -}}
{{ include "osmia.commonLabels" . }}
app.kubernetes.io/name: {{ include "osmia.operator.name" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Reference of an image: `of` is tetragon or tetragonOperator, `root` the root. The tag is the chart's
     version; what is said of Tetragon's own image is left out, and osmia.unsupported tells. */}}
{{- define "osmia.image" -}}
{{- $image := (index .root.Values .of).image -}}
{{- if $image.override -}}
{{- $image.override -}}
{{- else if include "osmia.foreignImage" . -}}
{{- printf "%s:%s" (include "osmia.ownRepository" .) .root.Chart.AppVersion -}}
{{- else if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "osmia.ownRepository" -}}
{{- (index (.root.Files.Get "files/values.json" | fromJson).defaults .of).image.repository -}}
{{- end }}

{{/* What is said of Tetragon's own image, as its chart's values do: the key; nothing if it is not so. */}}
{{- define "osmia.foreignImage" -}}
{{- $image := (index .root.Values .of).image -}}
{{- if has $image.repository (list "quay.io/cilium/tetragon" "quay.io/cilium/tetragon-operator") -}}
image.repository
{{- else if and (eq $image.repository (include "osmia.ownRepository" .)) (hasPrefix "v" $image.tag) -}}
image.tag
{{- end -}}
{{- end }}

{{- define "osmia.operator.podSecurityContext" -}}
{{- with (.Values.tetragonOperator.podSecurityContext | default .Values.tetragonOperator.securityContext) }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* How Pods are replaced. What the chart says of RollingUpdate goes with no other type. */}}
{{- define "osmia.strategy" -}}
{{- toYaml (eq (.type | default "RollingUpdate") "RollingUpdate" | ternary . (omit . "rollingUpdate")) -}}
{{- end }}

{{/* Filters given as JSON lines, as several objects in a row, or as a YAML list -> JSON lines. */}}
{{- define "osmia.filterLines" -}}
{{- if kindIs "slice" . -}}
{{- range . }}{{ toJson . }}
{{ end -}}
{{- else -}}
{{- . | trim -}}
{{- end -}}
{{- end }}

{{/* Filters as an ExportConfig has them: camelCase keys, and a list where one value may stand for it.
     `what` names the value, `text` is it. */}}
{{- define "osmia.filterObjects" -}}
{{- $what := .what -}}
{{- $objects := list -}}
{{- if kindIs "slice" .text -}}
{{- $objects = .text -}}
{{- else if .text | trim -}}
{{- /* One object a line; a line that an object does not end on is continued by the next. */ -}}
{{- $pending := "" -}}
{{- range $number, $line := splitList "\n" (.text | trim) -}}
{{- $pending = trim (printf "%s %s" $pending (trim $line)) -}}
{{- if $pending -}}
{{- $parsed := fromJson $pending -}}
{{- if not (hasKey $parsed "Error") -}}
{{- $objects = append $objects $parsed -}}
{{- $pending = "" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $pending -}}
{{- fail (printf "%s: not JSON objects, one a line: %s: %s" $what ($pending | trunc 200) (index (fromJson $pending) "Error")) -}}
{{- end -}}
{{- end -}}
{{- $result := list -}}
{{- range $index, $object := $objects -}}
{{- if not (kindIs "map" $object) -}}
{{- fail (printf "%s[%d]: must be an object: %s" $what $index (toJson $object)) -}}
{{- end -}}
{{- $converted := dict -}}
{{- range $key, $value := $object -}}
{{- $camel := $key -}}
{{- if contains "_" $key -}}
{{- $camel = camelcase $key | untitle -}}
{{- end -}}
{{- $scalar := has $camel (list "healthCheck" "inInitTree" "capabilities" "action" "invertEventSet") -}}
{{- if and (eq $camel "fields") (kindIs "string" $value) -}}
{{- $value = splitList "," $value -}}
{{- else if not (or $scalar (kindIs "slice" $value)) -}}
{{- $value = list $value -}}
{{- end -}}
{{- /* `match` of redaction filters is an old key without effect. */ -}}
{{- if ne $camel "match" -}}
{{- $_ := set $converted $camel $value -}}
{{- end -}}
{{- end -}}
{{- $result = append $result $converted -}}
{{- end -}}
{{- toJson (dict "items" $result) -}}
{{- end }}

{{/* What is wrong with a combination of values, told before anything is installed. */}}
{{- define "osmia.validate" -}}
{{- range $who := list "tetragon" "tetragonOperator" -}}
{{- $image := (index $.Values $who).image -}}
{{- range $key := list "override" "repository" -}}
{{- $reference := index $image $key -}}
{{- if and (contains "cilium/tetragon" $reference) (not (include "osmia.foreignImage" (dict "root" $ "of" $who))) -}}
{{- fail (printf "%s.image.%s: %s is Tetragon's image; remove the image from the values" $who $key $reference) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $known := (.Files.Get "files/values.json" | fromJson).options -}}
{{- range $option, $_ := .Values.tetragon.extraArgs -}}
{{- if not (has $option $known) -}}
{{- fail (printf "tetragon.extraArgs.%s: the agent has no option of this name and would not start; remove it, or see docs/options.md for those that it has" $option) -}}
{{- end -}}
{{- end -}}
{{- $grpc := .Values.tetragon.grpc -}}
{{- if $grpc.tls.enabled -}}
{{- if or (not $grpc.enabled) (hasPrefix "unix:" $grpc.address) -}}
{{- fail (printf "tetragon.grpc.tls.enabled: TLS needs a TCP address, and tetragon.grpc.address is %q" (ternary $grpc.address "disabled" $grpc.enabled)) -}}
{{- end -}}
{{- if not (or $grpc.tls.auto.enabled $grpc.tls.server.existingSecret) -}}
{{- fail "tetragon.grpc.tls.server.existingSecret: needed where tetragon.grpc.tls.auto.enabled is false" -}}
{{- end -}}
{{- if and $grpc.tls.auto.enabled (eq $grpc.tls.auto.method "certmanager") (not $grpc.tls.server.existingSecret) (not $grpc.tls.auto.certManagerIssuerRef.name) -}}
{{- fail "tetragon.grpc.tls.auto.certManagerIssuerRef.name: needed for method certmanager" -}}
{{- end -}}
{{- end -}}
{{- if and (include "osmia.grpcPort" .) (not $grpc.tls.enabled) (not (include "osmia.insecure" .)) -}}
{{- fail (printf "tetragon.grpc.address: others than this node could read every event at %s: set tetragon.grpc.tls.enabled, or tetragon.extraArgs.server-insecure-tcp to true" $grpc.address) -}}
{{- end -}}
{{- if and .Values.tetragon.enabled (not .Values.tetragon.enableK8sAPI) .Values.tetragonOperator.enabled -}}
{{- fail "tetragon.enableK8sAPI: false, so agents would not see what the operator tells them; set tetragonOperator.enabled to false as well" -}}
{{- end -}}
{{- if and .Values.selectorLabelsOverride (not .Values.podLabelsOverride) -}}
{{- fail "selectorLabelsOverride: needs podLabelsOverride, which must hold these labels" -}}
{{- end -}}
{{- end }}

{{/* Which values have no effect, and why: one line each. */}}
{{- define "osmia.unsupported" -}}
{{- range $who := list "tetragon" "tetragonOperator" -}}
{{- with include "osmia.foreignImage" (dict "root" $ "of" $who) -}}
{{- printf "  - %s.%s: of Tetragon's image; Osmia's is %s\n" $who . (include "osmia.image" (dict "root" $ "of" $who)) -}}
{{- end -}}
{{- end -}}
{{- range .Files.Get "files/unsupported.yaml" | fromYamlArray -}}
{{- $why := .why -}}
{{- range $path, $default := .keys -}}
{{- $value := $.Values -}}
{{- $given := true -}}
{{- range splitList "." $path -}}
{{- if and $given (kindIs "map" $value) (hasKey $value .) -}}
{{- $value = index $value . -}}
{{- else -}}
{{- $given = false -}}
{{- end -}}
{{- end -}}
{{- if and $given (ne (toJson $value) (toJson $default)) -}}
{{- printf "  - %s: %s\n" $path $why -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
