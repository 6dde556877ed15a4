{{/* Makes of the values what the chart's own are, so that templates need to know one form only. Every
     template begins with it; where it has been done, it changes nothing.

     Values files of others leave keys empty, which Helm takes for a deletion, write numbers and switches
     as texts, and `--set-string` makes texts of all. Numbers of a values file are floats, and print large
     ones as 2e+06. */}}
{{- define "osmia.values" -}}
{{- $root := . -}}
{{- $normal := .Files.Get "files/values.json" | fromJson -}}
{{- range $leaf := $normal.values -}}
{{- $place := $root.Values -}}
{{- $defaults := $normal.defaults -}}
{{- range $leaf.parents -}}
{{- $defaults = index $defaults . -}}
{{- if not (kindIs "map" (index $place .)) -}}
{{- $_ := set $place . (deepCopy $defaults) -}}
{{- end -}}
{{- $place = index $place . -}}
{{- end -}}
{{- $value := index $place $leaf.name -}}
{{- if or (kindIs "invalid" $value) (and (kindIs "string" $value) (eq $value "")) -}}
{{- $value = $leaf.empty -}}
{{- end -}}
{{- if eq (toString $leaf.type) "boolean" -}}
{{- $value = eq (toString $value) "true" -}}
{{- else if eq (toString $leaf.type) "integer" -}}
{{- $value = int64 $value -}}
{{- range $bound, $sign := dict "minimum" 1 "maximum" -1 -}}
{{- if and (hasKey $leaf $bound) (lt (mul $sign $value) (mul $sign (int64 (index $leaf $bound)))) -}}
{{- fail (printf "%s: %d: the %s is %d" (join "." (append $leaf.parents $leaf.name)) $value $bound (int64 (index $leaf $bound))) -}}
{{- end -}}
{{- end -}}
{{- else if and (eq (toString $leaf.type) "string") (kindIs "float64" $value) -}}
{{- $value = int64 $value | toString -}}
{{- end -}}
{{- $_ := set $place $leaf.name $value -}}
{{- end -}}
{{- end }}
