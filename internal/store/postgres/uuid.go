package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// speakUUID teaches a connection to pass identifiers in binary. Without it each one goes through database/sql's interfaces
// as text, which took most of the CPU time of a batch.
func speakUUID(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{encodeUUID}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{scanUUID}, m.TryWrapScanPlanFuncs...)
	return nil
}

// wireUUID is an identifier as the driver likes it.
type wireUUID uuid.UUID

// UUIDValue implements pgtype.UUIDValuer.
func (w wireUUID) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: w, Valid: true}, nil }

// ScanUUID implements pgtype.UUIDScanner.
func (w *wireUUID) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		return fmt.Errorf("cannot scan NULL into an identifier")
	}
	*w = v.Bytes
	return nil
}

func encodeUUID(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	if v, ok := value.(uuid.UUID); ok {
		return &encodeUUIDPlan{}, wireUUID(v), true
	}
	return nil, nil, false
}

type encodeUUIDPlan struct{ next pgtype.EncodePlan }

func (p *encodeUUIDPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

func (p *encodeUUIDPlan) Encode(value any, buf []byte) ([]byte, error) {
	v, ok := value.(uuid.UUID)
	if !ok {
		return nil, fmt.Errorf("encode identifier: unexpected %T", value)
	}
	return p.next.Encode(wireUUID(v), buf)
}

func scanUUID(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	if v, ok := target.(*uuid.UUID); ok {
		return &scanUUIDPlan{}, (*wireUUID)(v), true
	}
	return nil, nil, false
}

type scanUUIDPlan struct{ next pgtype.ScanPlan }

func (p *scanUUIDPlan) SetNext(next pgtype.ScanPlan) { p.next = next }

func (p *scanUUIDPlan) Scan(src []byte, target any) error {
	v, ok := target.(*uuid.UUID)
	if !ok {
		return fmt.Errorf("scan identifier: unexpected %T", target)
	}
	return p.next.Scan(src, (*wireUUID)(v))
}
