{{/* Name of the chart. */}}
{{- define "spegel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of the release's objects: as Go Spegel names them, so that an upgrade replaces them in place. */}}
{{- define "spegel.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $release := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $release .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "spegel.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "spegel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "spegel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "spegel.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "spegel.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "spegel.serviceAccountName" -}}
{{- default (include "spegel.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "spegel.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Name, image and what every container of ours runs under. */}}
{{- define "spegel.container" -}}
image: {{ include "spegel.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods may run. Cleanup must reach every node that Spegel ran on. */}}
{{- define "spegel.scheduling" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Settings of all pods. None of them speaks to the API server. */}}
{{- define "spegel.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* "true" where a port of the node leads to the node's own pod. A hostPort that is the nodePort can't be meant as one. */}}
{{- define "spegel.usesHostPort" -}}
{{- $registry := .Values.service.registry -}}
{{- if and $registry.hostPort (not $registry.usePreferSameNodeTrafficDistribution) (ne (int $registry.hostPort) (int $registry.nodePort)) -}}
true
{{- end }}
{{- end }}

{{- define "spegel.clusterSecretName" -}}
{{- default (printf "%s-cluster" (include "spegel.fullname" .)) .Values.clusterSecret.name }}
{{- end }}

{{/*
"true" where mirrors of others are sent the credentials too, as with Go Spegel's chart: those that were given by hand may be
theirs as well. Those that the cluster secret yields are nobody else's business.
*/}}
{{- define "spegel.sharesCredentials" -}}
{{- if or .Values.basicAuthSecretName (not .Values.clusterSecret.enabled) -}}
true
{{- end }}
{{- end }}

{{/* Where the program finds what all nodes share. */}}
{{- define "spegel.trustMounts" -}}
{{- if .Values.clusterSecret.enabled }}
- name: cluster-secret
  mountPath: /etc/secrets/cluster
  readOnly: true
{{- end }}
{{- if .Values.basicAuthSecretName }}
- name: basic-auth
  mountPath: /etc/secrets/basic-auth
  readOnly: true
{{- end }}
{{- end }}

{{- define "spegel.nodeIp" -}}
- name: NODE_IP
{{- if .Values.service.registry.nodeIp }}
  value: {{ .Values.service.registry.nodeIp | quote }}
{{- else }}
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- end }}
{{- end }}

{{/* A flag with a list of values; nothing where there are none. Takes a list of the flag and the values. */}}
{{- define "spegel.listFlag" -}}
{{- with index . 1 }}
- {{ index $ 0 }}
{{- range . }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses what the schema can't see. */}}
{{- define "spegel.validate" -}}
{{- $service := .Values.service }}
{{- $ports := dict }}
{{- range $name := list "registry" "router" "metrics" }}
{{- $port := index $service $name "port" | int | toString }}
{{- with index $ports $port }}
{{- fail (printf "service.%s.port and service.%s.port are both %s: each needs a port of its own" . $name $port) }}
{{- end }}
{{- $_ := set $ports $port $name }}
{{- end }}
{{- if eq (dir .Values.spegel.containerdSock) "/" }}
{{- fail (printf "spegel.containerdSock is %q: its directory is mounted, which can't be the root of the node" .Values.spegel.containerdSock) }}
{{- end }}
{{- end }}
