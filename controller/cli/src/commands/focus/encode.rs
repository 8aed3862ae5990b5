//! Rows as CSV and as Parquet, with the types of AWS's own export: text, times in milliseconds, amounts
//! as doubles.

use std::sync::Arc;

use anyhow::Result;
use controller_core::focus::{Charge, Column, Value};
use csv::Writer;
use jiff::Timestamp;
use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{Type, TypePtr},
};
use rust_decimal::Decimal;

use crate::args::FileFormat;

/// The whole file.
pub(super) fn encode(
    format: FileFormat,
    columns: &[&Column],
    charges: &[Charge<'_>],
) -> Result<Vec<u8>> {
    match format {
        FileFormat::Csv => csv(columns, charges),
        FileFormat::Parquet => parquet(columns, charges),
    }
}

fn csv(columns: &[&Column], charges: &[Charge<'_>]) -> Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| column.name))?;
    for charge in charges {
        writer.write_record(columns.iter().map(|column| cell(column, charge)))?;
    }
    Ok(writer.into_inner()?)
}

/// NULL is nothing.
fn cell(column: &Column, charge: &Charge<'_>) -> String {
    let text = match column.value {
        Value::Text(value) => value(charge),
        Value::Time(value) => value(charge).map(|at| at.to_string()),
        Value::Amount(value) => value(charge).map(plain),
    };
    text.unwrap_or_default()
}

/// With a decimal point always, or readers that guess types take a column for one of integers.
fn plain(amount: Decimal) -> String {
    match amount.scale() {
        0 => format!("{amount}.0"),
        _ => amount.to_string(),
    }
}

fn parquet(columns: &[&Column], charges: &[Charge<'_>]) -> Result<Vec<u8>> {
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema(columns)?, properties)?;
    if !charges.is_empty() {
        let mut group = writer.next_row_group()?;
        for column in columns {
            let Some(mut out) = group.next_column()? else {
                anyhow::bail!("the Parquet schema has no column `{}`", column.name);
            };
            write(&mut out, column, charges)?;
            out.close()?;
        }
        group.close()?;
    }
    Ok(writer.into_inner()?)
}

fn write(
    out: &mut SerializedColumnWriter<'_>,
    column: &Column,
    charges: &[Charge<'_>],
) -> Result<()> {
    let charges = charges.iter();
    match column.value {
        Value::Text(value) => {
            let bytes = |text: String| ByteArray::from(text.into_bytes());
            fill::<ByteArrayType>(out, charges.map(|charge| value(charge).map(bytes)))
        }
        Value::Time(value) => {
            let milliseconds = Timestamp::as_millisecond;
            fill::<Int64Type>(out, charges.map(|charge| value(charge).map(milliseconds)))
        }
        Value::Amount(value) => {
            let doubles = charges.map(|charge| value(charge).map(double).transpose());
            fill::<DoubleType>(out, doubles.collect::<Result<Vec<_>>>()?)
        }
    }
}

/// The double that is nearest to the decimal, which is also what readers of the CSV file make of it.
fn double(amount: Decimal) -> Result<f64> {
    Ok(amount.to_string().parse()?)
}

/// Writes a column; none is NULL.
fn fill<T: DataType>(
    out: &mut SerializedColumnWriter<'_>,
    values: impl IntoIterator<Item = Option<T::T>>,
) -> Result<()> {
    let values: Vec<Option<T::T>> = values.into_iter().collect();
    let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    out.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(())
}

fn schema(columns: &[&Column]) -> Result<TypePtr> {
    let fields: Result<Vec<TypePtr>> = columns.iter().map(|column| field(column)).collect();
    let schema = Type::group_type_builder("focus").with_fields(fields?);
    Ok(Arc::new(schema.build()?))
}

fn field(column: &Column) -> Result<TypePtr> {
    let (physical, logical) = match column.value {
        Value::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Value::Time(_) => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
        Value::Amount(_) => (Physical::DOUBLE, None),
    };
    let field = Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(field.build()?))
}

#[cfg(test)]
mod tests {
    use controller_core::focus::{Release, columns};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn an_amount_always_has_a_decimal_point() {
        for (amount, text) in [("0", "0.0"), ("12", "12.0"), ("0.10", "0.10")] {
            assert_eq!(plain(amount.parse().unwrap()), text);
        }
    }

    #[test]
    fn a_region_without_usage_is_a_table_without_rows() {
        let columns = columns(Release::V1_2);
        let csv = encode(FileFormat::Csv, &columns, &[]).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 1);
        let path = std::env::temp_dir().join(format!("empty-{}.parquet", std::process::id()));
        let bytes = encode(FileFormat::Parquet, &columns, &[]).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let file = reader.metadata().file_metadata();
        assert_eq!(file.num_rows(), 0);
        assert_eq!(file.schema_descr().num_columns(), columns.len());
        std::fs::remove_file(&path).unwrap();
    }
}
