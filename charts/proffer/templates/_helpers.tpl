{{/* The chart's name, in labels. */}}
{{- define "proffer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The start of the names of all objects, so short that suffixes fit. */}}
{{- define "proffer.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "proffer.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "proffer.labels" -}}
helm.sh/chart: {{ include "proffer.chart" . }}
app.kubernetes.io/name: {{ include "proffer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: proffer
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that tell the operator's pods from others. They never change. */}}
{{- define "proffer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "proffer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "proffer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "proffer.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The name of an image: a dictionary of `image` and `version`. */}}
{{- define "proffer.image" -}}
{{- with .image.registry }}{{ . }}/{{ end }}
{{- .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ default .version .image.tag }}{{ end }}
{{- end }}

{{/* Where probes and metrics are served. */}}
{{- define "proffer.address" -}}
{{- dig "http" "address" "0.0.0.0:8080" .Values.config }}
{{- end }}

{{- define "proffer.port" -}}
{{- include "proffer.address" . | regexFind "[0-9]+$" }}
{{- end }}

{{/* Where software written for Mesos is served. */}}
{{- define "proffer.mesosAddress" -}}
{{- dig "mesos" "address" "0.0.0.0:5050" .Values.config }}
{{- end }}

{{- define "proffer.mesosPort" -}}
{{- include "proffer.mesosAddress" . | regexFind "[0-9]+$" }}
{{- end }}

{{/* How software written for Mesos is served, in the operator's configuration file. */}}
{{- define "proffer.mesosConfiguration" -}}
{{- $name := printf "%s-mesos" (include "proffer.fullname" .) }}
{{- $qualified := printf "%s.%s" $name .Release.Namespace }}
{{- $whole := printf "%s.svc.%s" $qualified .Values.mesos.clusterDomain }}
{{- $mesos := dict
  "enabled" true
  "address" (include "proffer.mesosAddress" .)
  "advertisedHost" (printf "%s.svc" $qualified)
  "hosts" (concat (list $name $qualified $whole) .Values.mesos.hosts)
  "namespace" .Values.mesos.namespace
  "allowAnonymous" .Values.mesos.allowAnonymous }}
{{- if .Values.mesos.credentialsSecret }}
{{- $_ := set $mesos "credentialsFile" "/etc/proffer-mesos/credentials/credentials.json" }}
{{- end }}
{{- if .Values.mesos.tlsSecret }}
{{- $_ := set $mesos "tls" (dict
  "certificateFile" "/etc/proffer-mesos/tls/tls.crt"
  "keyFile" "/etc/proffer-mesos/tls/tls.key") }}
{{- end }}
{{- toYaml $mesos }}
{{- end }}

{{/* The operator's configuration file. */}}
{{- define "proffer.configuration" -}}
{{- $executor := dict
  "image" (include "proffer.image" (dict "image" .Values.executor.image "version" .Chart.AppVersion))
  "imagePullPolicy" .Values.executor.image.pullPolicy
  "imagePullSecrets" .Values.executor.imagePullSecrets
  "nodeLostSeconds" .Values.executor.nodeLostSeconds
  "startTimeoutSeconds" .Values.executor.startTimeoutSeconds }}
{{- with .Values.executor.defaultImage }}
{{- $_ := set $executor "defaultImage" . }}
{{- end }}
{{- with .Values.executor.serviceAccountName }}
{{- $_ := set $executor "serviceAccountName" . }}
{{- end }}
{{- with .Values.priorityClass.name }}
{{- $_ := set $executor "priorityClassName" . }}
{{- end }}
{{- $election := dict "leaseName" (include "proffer.fullname" .) }}
{{- $configuration := dict
  "apiVersion" "config.proffer.dev/v1alpha1"
  "kind" "OperatorConfiguration"
  "http" (dict "address" (include "proffer.address" .))
  "leaderElection" $election
  "logging" .Values.logging
  "executor" $executor
  "defaultPool" .Values.defaultPool }}
{{- if .Values.mesos.enabled }}
{{- $_ := set $configuration "mesos" (include "proffer.mesosConfiguration" . | fromYaml) }}
{{- end }}
{{- mustMergeOverwrite $configuration (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* The start of a pod of the operator's image that runs once. */}}
{{- define "proffer.oncePod" -}}
restartPolicy: Never
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The start of its container. */}}
{{- define "proffer.onceContainer" -}}
image: {{ include "proffer.image" (dict "image" .Values.image "version" .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  requests: {cpu: 10m, memory: 32Mi}
  limits: {memory: 256Mi}
{{- end }}
