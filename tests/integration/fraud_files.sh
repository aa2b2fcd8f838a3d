# fraud_files.sh, to be sourced: a job with keyed state that finds frauds among made-up transactions and writes them to files.
# job OUT RATE NAME: the descriptor. The rate changes nothing but the time it takes. $job_settings and $job_rows say the rest.
job_rows=60000
job() {
    cat <<END
job: $3
$job_settings
operators:
  - { id: rows, use: datagen, with: { kind: transactions, rows: $job_rows, rate: $2, batch: 500, keys: 2000 } }
  - id: frauds
    use: fraud_filter
    from: rows
    partition: { hash: [accountId] }
    with:
      rules: [ { id: pair, sequence: [ "amount < 1000.00", "amount > 1000.00" ], within: 60s, time: createdAt, contiguity: strict } ]
  - { id: out, use: file_sink, from: frauds, with: { path: $1, header: false } }
END
}
rows() { find "$1" -name 'part*' -exec cat {} + 2>/dev/null | sort; }
