#!/usr/bin/env bash
# cli.sh PROGRAM MODULES JOBS: the words of the program, its exit codes and its messages, as a person meets them.
set -u
sluice=$1
modules=$2
jobs=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# expect CODE TEXT WORDS ...: the exit code, and a text that stdout or stderr must hold.
expect() {
    local code=$1 text=$2 got
    shift 2
    "$sluice" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" "$work/out" "$work/err"; then
        echo "sluice $*: exit $got (wanted $code), wanted the text: $text"
        cat "$work/out" "$work/err"
        failed=1
    fi
}

expect 2 "did you mean validate?" validat x
expect 2 "plugins show" plugins
expect 0 "the plugins that can be loaded" plugins --help
expect 2 "did you mean plugins list?" plugins lsit
expect 0 "sluice " --version
expect 0 "checks a job descriptor" --help
# What has no table needs no server, whatever stands around it.
for text in 'select 1;
' 'select 1;; -- done' '-- nothing' ';'; do
    expect 0 "" sql -b 127.0.0.1:1 -e "$text"
done
expect 2 "something is missing: sluice run JOB.yaml" run
expect 2 "one word too many: y" describe x y
expect 2 "unknown option --jsn: did you mean --json?" list --jsn
expect 2 "needs a value" list --jobmanager
expect 0 "JOB.yaml" explain --help
expect 1 "No such file" validate "$work/nothing.yaml"
expect 0 "is valid: 3 operators" validate "$jobs/hello.yaml"
expect 2 "unknown option --paralelism: did you mean --parallelism?" validate "$jobs/hello.yaml" --paralelism 3
expect 1 "has no unit" validate "$jobs/hello.yaml" --checkpoint.interval 3
expect 0 "parallelism 3 (command line)" explain "$jobs/hello.yaml" -p3
expect 0 '"name": "transactions -> small -> out"' explain "$jobs/hello.yaml" --json --parallelism=2
expect 0 "10 rows into sinks" run --local "$jobs/hello.yaml"
expect 0 "71 | 1009 | 1700000000071 | 0.80" run --local "$jobs/hello.yaml" -p 3
expect 0 "datagen" plugins list
expect 0 '"kind": "source"' plugins show datagen --json
expect 1 "did you mean datagen?" plugins show datagn
expect 0 "good_sink (sink, 2 options)" plugins check "$modules/good/good.so"
expect 1 "built against plugin ABI 1.99" plugins check "$modules/newer/newer.so"
expect 1 "crashed while it was loaded" plugins check "$modules/crash/crash.so"
SLUICE_PLUGIN_PATH=$modules/good expect 0 "good_sink" plugins list
SLUICE_PLUGIN_PATH=$modules/crash:$modules/good expect 1 "good_sink" plugins list
SLUICE_PLUGIN_PATH=$modules/crash:$modules/good expect 1 "crashed while it was loaded" plugins list
expect 2 "--heartbeat must be at least" jobmanager --heartbeat 0s --data-dir "$work/jm"
expect 2 "must be longer than --heartbeat" jobmanager --heartbeat 2s --heartbeat-timeout 1s --data-dir "$work/jm"
expect 0 '"state":"FINISHED"' run --local --json "$jobs/hello.yaml"
SLUICE_PARALLELISM=5 expect 0 "parallelism 5 (environment)" explain "$jobs/hello.yaml"
expect 0 "is valid: 4 operators" validate --offline "$jobs/fraud_detection.yaml" --parallelism 2 --fluss.bootstrap.servers host:9123 \
    --datalake.format iceberg --datalake.iceberg.type rest --datalake.iceberg.warehouse s3://fluss/data \
    --datalake.iceberg.uri http://rest:8181 --datalake.iceberg.s3.endpoint http://minio:9000 --datalake.iceberg.s3.path-style-access true
expect 0 "is valid: 3 operators" validate --offline "$jobs/tiering.yaml"
expect 3 "no fluss server answers" validate "$jobs/fraud_detection.yaml" --fluss.bootstrap.servers 127.0.0.1:1
expect 3 "no answer" list --jobmanager 127.0.0.1:1
exit $failed
