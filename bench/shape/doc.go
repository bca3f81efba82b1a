// Package shape measures the codec of berth/aws/shape against encoding/json on
// the same data. It holds benchmarks only and is imported by nobody.
package shape
