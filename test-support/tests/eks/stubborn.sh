#!/bin/sh
# Stands in for a container's program that does not end when it is asked to.
trap '' TERM
while :; do sleep 1; done
