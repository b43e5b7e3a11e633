package ipvs
import ("testing";"log/slog";"io";"net/netip";"time")
func BenchmarkStep(b *testing.B){
 for range b.N {
 k := &zk{t:Table{}}
 r := newReconciler(k, slog.New(slog.NewTextHandler(io.Discard,nil)), Options{Refresh:time.Second})
 var vs []VirtualServer
 h := Health{}
 for i:=range 1000 {
  v := VirtualServer{Name:"s"}
  v.Service.Key = Key{Proto:6, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10,1,byte(i/250),byte(i%250+1)}),80)}
  for j:=range 10 { s := RealServer{}; s.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10,2,byte(i/20),byte(i%20*10+j)}),80); s.Weight=1; v.Servers=append(v.Servers,s); h[ServerID{v.Key,s.Addr}]=Verdict{Condition:Up} }
  vs = append(vs,v)
 }
 r.step(time.Now(), inbox{configured:true, wanted:vs, verdicts:h})
 r.takeTouched()
 }
}
type zk struct{t Table}
func (z *zk) Table()(Table,error){return Table{},nil}
func (z *zk) Apply(o []Op)[]error{return make([]error,len(o))}
